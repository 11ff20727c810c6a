// The page: controls, readout, and what they change.

const $ = (id) => document.getElementById(id);
const json = (id) => JSON.parse($(id).textContent);

async function start() {
  const data = json("report-data");
  const items = json("report-figures");
  const layers = new Map(data.layers.map((each) => [each.name, new Layer(each, data.colours, data.missing)]));
  const fine = layers.get("fine");
  const coarse = layers.get("coarse");
  const uncertainty = layers.get("uncertainty");
  const box = $("map");
  // A column as wide as it can be, and a figure as high as the painting asks for.
  const fit = () => {
    box.style.maxWidth = "none";
    const wanted = ((box.clientWidth - 80) * data.height) / data.width + 60;
    const height = Math.round(Math.max(260, Math.min(wanted, window.innerHeight * 0.85, 900)));
    box.style.height = `${height}px`;
    // Next to a tall painting there is some room to move it, but not an empty page.
    box.style.maxWidth = `${Math.round(Math.max(480, 1.5 * ((height - 60) * data.width) / data.height + 80))}px`;
  };
  fit();
  Bokeh.set_log_level("error");
  const embedded = async (name) => [...(await Bokeh.embed.embed_item(items[name], $(`${name}-figure`)))][0];
  const figure = await embedded("map");
  let profile = null; // made when it is first seen: Bokeh cannot lay out what is hidden
  const source = (plot, name) => plot.renderers.map((each) => each.data_source).find((each) => each.name === name);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const view = new View(figure, $("map-canvas"), data);
  const photo = data.photo && { ...data.photo, canvas: null };
  const state = { line: 0, path: null, cursor: null, drawing: false, turn: 0 };

  const corner = () => $("corner").value;
  const digits = Math.max(0, 1 - Math.floor(Math.log10(Math.min(...fine.pixel))));
  const mm = (length) => (Math.abs(length) < 10 ** -digits / 2 ? 0 : length).toFixed(digits);

  async function pictureOf(name) {
    if (name === "photo") {
      if (!photo.canvas) {
        const image = $("photo-source");
        await image.decode();
        photo.canvas = image;
      }
      return { canvas: photo.canvas, pixel: photo.pixel, corner: photo.corner };
    }
    if (name === "composite") {
      const lines = COLOUR_NAMES.map((colour) => Number($(colour).value));
      return { canvas: await compositePicture(fine, lines), pixel: fine.pixel, corner: fine.corner };
    }
    const layer = layers.get(name);
    return { canvas: await layer.picture(state.line), pixel: layer.pixel, corner: layer.corner };
  }

  /** Show what the controls say; the last call wins, however long each takes. */
  async function refresh() {
    const turn = ++state.turn;
    const names = [$("left").value, $("right").value];
    $("composite").hidden = !names.includes("composite");
    const label = data.lines[state.line];
    const sides = await Promise.all(names.map(pictureOf));
    if (turn !== state.turn) return;
    view.sides = sides;
    view.draw();
    names.forEach((name, side) => legend(["left", "right"][side], name));
    $("map").setAttribute("aria-label", `Map of ${label}`);
    await Promise.all([readout(), drawProfile()]);
    if (turn === state.turn) document.documentElement.dataset.shown = `${label} ${names.join(" ")}`;
  }

  function legend(side, name) {
    const place = $(`legend-${side}`);
    const layer = layers.get(name);
    const title = $(side).selectedOptions[0].textContent;
    const names = COLOUR_NAMES.filter((colour) => Number($(colour).value) >= 0);
    const three = names.map((colour) => `${colour} ${data.lines[Number($(colour).value)]}`).join(", ");
    place.querySelector(".name").textContent = name === "composite" ? `${title}: ${three || "none"}` : title;
    place.querySelector(".scale").hidden = !layer;
    if (layer) {
      const { low, high } = layer.lines[state.line];
      const short = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");
      place.querySelector(".bar").style.background = `linear-gradient(to right, ${data.colours[layer.colours]
        .filter((_, at) => at % 15 === 0).join(", ")})`;
      place.querySelector(".low").textContent = short(low);
      place.querySelector(".high").textContent = `${short(high)}${layer.units ? ` ${layer.units}` : ""}`;
    }
  }

  async function readout() {
    const { cursor, line } = state;
    if (!cursor) return;
    const axes = view.axes;
    const shown = [["Position", `x ${mm(axes.x(cursor.right))}, y ${mm(axes.y(cursor.down))} mm`]];
    for (const layer of layers.values()) {
      const steps = await layer.load(line);
      if (state.cursor !== cursor || state.line !== line) return;
      const value = layer.value(steps, line, ...layer.pixelAt(cursor));
      const spread = layer.name === "uncertainty" ? "± " : "";
      shown.push([layer.title, spread + layer.format(value, line), layer.name]);
    }
    shown[0][2] = "position";
    $("readout").replaceChildren(
      ...shown.map(([title, text, name]) => {
        const row = document.createElement("div");
        const [head, body] = [document.createElement("span"), document.createElement("span")];
        head.textContent = `${title}: `;
        body.textContent = text;
        body.dataset.value = name;
        row.append(head, body);
        return row;
      }),
    );
  }

  function moveCursor(position, keep = true) {
    state.cursor = position;
    view.cursor = keep ? position : null;
    view.draw();
    void readout();
  }

  /** Move the cursor by shown pixels; the view follows. */
  function step(down, right) {
    const from = state.cursor ?? view.middle;
    const place = (mm_, axis, count, by) =>
      (Math.max(0, Math.min(count - 1, Math.floor(mm_ / fine.pixel[axis] + 1e-6) + by)) + 0.5) * fine.pixel[axis];
    const next = {
      down: Math.min(place(from.down, 0, fine.rows, state.cursor ? down : 0), data.height * (1 - 1e-9)),
      right: Math.min(place(from.right, 1, fine.columns, state.cursor ? right : 0), data.width * (1 - 1e-9)),
    };
    const edges = view.edges;
    if (next.right < edges.left || next.right > edges.right || next.down < edges.top || next.down > edges.bottom) {
      view.show(next, view.scale);
    }
    moveCursor(next);
  }

  // The profile.

  const inside = ({ down, right }) => ({
    down: Math.max(0, Math.min(data.height, down)),
    right: Math.max(0, Math.min(data.width, right)),
  });

  function setPath(start, end) {
    state.path = { start: inside(start), end: inside(end) };
    writePath();
    void drawProfile();
  }

  function writePath() {
    const ends = state.path ? [state.path.start, state.path.end] : [];
    const { axes } = view;
    source(figure.model, "path").data = {
      x: ends.map((each) => axes.x(each.right)),
      y: ends.map((each) => axes.y(each.down)),
      name: ends.map((_, at) => "AB"[at]),
    };
    ["a", "b"].forEach((name, at) => {
      $(`${name}-x`).value = ends[at] ? mm(axes.x(ends[at].right)) : "";
      $(`${name}-y`).value = ends[at] ? mm(axes.y(ends[at].down)) : "";
    });
  }

  function readPath() {
    const { axes } = view;
    const inputs = ["a-x", "a-y", "b-x", "b-y"].map($);
    if (inputs.some((each) => each.value === "" || !Number.isFinite(each.valueAsNumber))) return;
    const [ax, ay, bx, by] = inputs.map((each) => each.valueAsNumber);
    setPath({ down: axes.down(ay), right: axes.right(ax) }, { down: axes.down(by), right: axes.right(bx) });
  }

  async function drawProfile() {
    const { path, line } = state;
    $("profile-result").hidden = !path;
    if (!path) return;
    profile ??= embedded("profile");
    const profilePlot = (await profile).model;
    const used = [fine, coarse, uncertainty].filter(Boolean);
    const maps = await Promise.all(used.map((layer) => layer.load(line)));
    if (state.path !== path || state.line !== line) return;
    const { distance, values, length } = profileOf(path.start, path.end, used, maps, line);
    const along = Object.fromEntries(used.map((layer, at) => [layer.name, values[at]]));
    const nothing = distance.map(() => NaN);
    const spread = along.uncertainty ?? nothing;
    source(profilePlot, "along-fine").data = {
      distance,
      fine: along.fine,
      low: along.fine.map((value, at) => value - spread[at]),
      high: along.fine.map((value, at) => value + spread[at]),
    };
    source(profilePlot, "along-coarse").data = { distance, coarse: along.coarse ?? nothing };
    const label = data.lines[line];
    profilePlot.left[0].axis_label = `${label}${fine.units ? ` in ${fine.units}` : ""}`;
    const known = along.fine.filter(Number.isFinite);
    const mean = known.reduce((sum, each) => sum + each, 0) / known.length;
    const said = known.length
      ? `from ${fine.format(Math.min(...known), line)} to ${fine.format(Math.max(...known), line)}, mean ${fine.format(mean, line)}`
      : "nothing was measured";
    $("profile-said").textContent = `${label} along ${mm(length)} mm from A to B: ${said}.`;
    table(distance, used, values);
    document.documentElement.dataset.profile = `${label} ${distance.length}`;
  }

  function table(distance, used, values) {
    const digitsOf = (layer) => Math.max(0, Math.ceil(-Math.log10(layer.lines[state.line].step)) + 1);
    const rows = distance.map((each, at) => [
      each.toFixed(digits + 1),
      ...used.map((layer, number) =>
        Number.isFinite(values[number][at]) ? values[number][at].toFixed(Math.min(12, digitsOf(layer))) : "",
      ),
    ]);
    const heads = ["Distance in mm", ...used.map((layer) => layer.title + (layer.units ? ` in ${layer.units}` : ""))];
    const line = (cells, kind) => {
      const row = document.createElement("tr");
      row.append(...cells.map((text) => Object.assign(document.createElement(kind), { textContent: text })));
      return row;
    };
    const head = document.createElement("thead");
    head.append(line(heads, "th"));
    const body = document.createElement("tbody");
    body.append(...rows.map((cells) => line(cells, "td")));
    $("profile-table").replaceChildren(head, body);
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const text = [heads, ...rows].map((cells) => cells.map(quoted).join(",")).join("\n");
    URL.revokeObjectURL($("profile-csv").href);
    $("profile-csv").href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  }

  // Controls.

  $("line").addEventListener("change", () => {
    state.line = Number($("line").value);
    void refresh();
  });
  for (const id of ["left", "right", ...COLOUR_NAMES]) $(id).addEventListener("change", () => void refresh());
  $("corner").addEventListener("change", () => {
    view.count(corner());
    writePath();
    void readout();
  });
  const wipe = (share) => {
    view.wipe = Math.max(0, Math.min(1, share));
    $("wipe").value = String(Math.round(view.wipe * 100));
    view.draw();
  };
  $("wipe").addEventListener("input", () => wipe(Number($("wipe").value) / 100));
  $("zoom-in").addEventListener("click", () => view.zoom(1.5));
  $("zoom-out").addEventListener("click", () => view.zoom(1 / 1.5));
  $("whole").addEventListener("click", () => view.whole());
  const setDrawing = (on) => {
    state.drawing = on;
    $("draw").setAttribute("aria-pressed", String(on));
    box.classList.toggle("drawing", on);
  };
  $("draw").addEventListener("click", () => setDrawing(!state.drawing));
  $("clear").addEventListener("click", () => {
    state.path = null;
    state.begun = null;
    writePath();
    void drawProfile();
  });
  for (const id of ["a-x", "a-y", "b-x", "b-y"]) $(id).addEventListener("change", readPath);
  for (const button of document.querySelectorAll("button[data-line]")) {
    button.addEventListener("click", () => {
      $("line").value = button.dataset.line;
      state.line = Number(button.dataset.line);
      $("maps").scrollIntoView();
      $("line").focus();
      void refresh();
    });
  }

  // Mouse and fingers. While a profile is drawn, Bokeh sees nothing of them.
  const surface = $("map-figure");
  surface.addEventListener("pointermove", (event) => {
    const position = view.positionAt(event.clientX, event.clientY);
    if (state.from) {
      event.stopPropagation();
      if (position) setPath(state.from, position);
    }
    if (position) moveCursor(inside(position), false);
  }, true);
  surface.addEventListener("pointerdown", (event) => {
    const position = view.positionAt(event.clientX, event.clientY);
    box.focus({ preventScroll: true });
    if (position && event.pointerType !== "mouse") moveCursor(inside(position)); // a finger has no place until it taps
    if (!state.drawing || !position) return;
    event.stopPropagation();
    event.preventDefault();
    state.from = inside(position);
    surface.setPointerCapture(event.pointerId);
  }, true);
  surface.addEventListener("pointerup", (event) => {
    if (!state.from) return;
    event.stopPropagation();
    const position = view.positionAt(event.clientX, event.clientY) ?? state.from;
    const far = Math.hypot(position.down - state.from.down, position.right - state.from.right) > 4 * view.scale;
    if (far) setPath(state.from, position);
    else mark(state.from);
    if (far || state.begun === null) setDrawing(false);
    state.from = null;
  }, true);
  view.listeners.push(() => {
    const handle = $("handle");
    const { left, top, width, height } = view.frame;
    Object.assign(handle.style, { left: `${left + view.wipe * width}px`, top: `${top}px`, height: `${height}px` });
  });

  const handle = $("handle");
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    const position = view.positionAt(event.clientX, event.clientY);
    if (position) moveCursor(inside(position), false);
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const place = surface.getBoundingClientRect();
    wipe((event.clientX - place.left - view.frame.left) / view.frame.width);
  });

  handle.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  });

  /** Take one end of the profile, then the other. */
  function mark(position) {
    if (state.begun) {
      setPath(state.begun, position);
      state.begun = null;
    } else {
      state.begun = position;
      setPath(position, position);
    }
  }

  box.addEventListener("keydown", (event) => {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowUp: () => step(-far, 0),
      ArrowDown: () => step(far, 0),
      ArrowLeft: () => step(0, -far),
      ArrowRight: () => step(0, far),
      "+": () => view.zoom(1.5),
      "=": () => view.zoom(1.5),
      "-": () => view.zoom(1 / 1.5),
      0: () => view.whole(),
      Enter: () => mark(state.cursor ?? view.middle),
    };
    if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });
  window.addEventListener("resize", fit);

  await refresh();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  const place = $("failed");
  place.hidden = false;
  place.textContent = `This page needs a newer browser: ${error.message}`;
  throw error;
});
