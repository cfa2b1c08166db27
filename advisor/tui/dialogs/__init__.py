"""What opens above the screens; esc closes each of them."""
