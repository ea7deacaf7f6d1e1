// Eskip
