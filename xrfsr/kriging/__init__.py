"""Estimators without a network: kriging of the scan, alone or guided by the photo, and what follows from its errors."""
