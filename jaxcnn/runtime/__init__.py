"""What touches the whole process: signals, memory, the compiler's flags."""
