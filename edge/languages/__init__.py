"""In which language? The texts of pages and reports: English in the source, every other language in one .po file here."""
