"""What in a result can be believed: measures against a truth and against the scan, and the noise of both."""
