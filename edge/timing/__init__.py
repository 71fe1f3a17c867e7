"""What time it is: the clock, how long ago something was, weekly schedules."""
