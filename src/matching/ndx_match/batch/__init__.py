"""Match the sessions of many animals: files grouped by animal and imaging plane, one match file for each group."""
