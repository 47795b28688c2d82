"""`planning-poker games`: what operators do with the games of a server or a database.

Each command is a module with one function of its arguments; `arguments` declares
them. Some look into the database, others ask a server.
"""
