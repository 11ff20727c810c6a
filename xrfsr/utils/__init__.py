"""What every room may use: devices, threads, paths and progress bars."""
