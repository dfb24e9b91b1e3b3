package io.lmcache.cli.report;

import java.util.List;

/**
 * A report. Immutable.
 *
 * @param title its title
 * @param facts what was measured or replayed, a line each
 * @param charts its figures
 * @param tables its tables
 * @param notes what has to be known to read it, a paragraph each
 */
public record Page(String title, List<String> facts, List<Chart> charts, List<Table> tables, List<String> notes) {
    /** Copies the lists. */
    public Page {
        facts = List.copyOf(facts);
        charts = List.copyOf(charts);
        tables = List.copyOf(tables);
        notes = List.copyOf(notes);
    }
}
