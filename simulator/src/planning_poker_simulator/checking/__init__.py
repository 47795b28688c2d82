"""What must hold of a history of the service, however it came about: recorded, then judged."""
