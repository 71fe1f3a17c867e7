"""`edge dashboard`: a page about one or many rooms, fed by MQTT alone. It holds some hours of numbers, in memory."""
