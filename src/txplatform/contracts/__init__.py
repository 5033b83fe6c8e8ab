"""Messages and answers as others see them: what comes in is checked here, once."""
