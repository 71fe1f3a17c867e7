"""In which language? The texts of pages and reports: English in the source, each other language in a .po file here."""
