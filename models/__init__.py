"""The shipped models, and the code that trains, converts and measures them (never needed on a device)."""
