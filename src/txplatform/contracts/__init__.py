"""Messages and answers as other teams see them: their fields, their bodies, their envelope."""
