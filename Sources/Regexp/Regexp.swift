// Regexp
