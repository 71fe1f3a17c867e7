"""The board: temperature and power supply, throttling, the lamp and the button."""
