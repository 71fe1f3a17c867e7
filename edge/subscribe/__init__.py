"""The other end of the wire: what `edge watch`, `edge dashboard` and `edge record` share. No device needs it."""
