// Placeholder: the module's first file.
