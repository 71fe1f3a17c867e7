"""How fast this machine is: repeatable scenes, the whole way of a frame, and its floor beside it."""
