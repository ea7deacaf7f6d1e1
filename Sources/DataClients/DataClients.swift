// DataClients
