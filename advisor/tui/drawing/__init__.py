"""Pictures made of characters. Pure: each is a function from numbers and a size to `rich.text.Text`."""
