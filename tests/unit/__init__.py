"""One module at a time, in the words of the domain."""
