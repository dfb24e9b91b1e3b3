package io.lmcache.cli.report;

import java.util.List;

/**
 * A table. Immutable.
 *
 * @param title what it has
 * @param columns the heads; all columns but the first are set to the right
 * @param rows the cells of each row
 */
public record Table(String title, List<String> columns, List<List<String>> rows) {
    /** Copies the lists. */
    public Table {
        columns = List.copyOf(columns);
        rows = rows.stream().map(List::copyOf).toList();
    }
}
