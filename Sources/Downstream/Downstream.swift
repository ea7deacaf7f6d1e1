// Downstream
