"""What a window says: sums, estimated shares, what privacy holds back, the payload."""
