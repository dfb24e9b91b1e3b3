package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.Amount;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;

/** Rows of files and bytes. */
final class AmountTable {
    static final String HEADER = String.format("%10s %18s %11s", "files", "bytes", "size");

    private AmountTable() {}

    static void print(Amount amount, String what, PrintWriter out) {
        out.printf("%10d %18d %11s  %s%n", amount.files(), amount.bytes(), Quantities.bytes(amount.bytes()), what);
    }

    static Map<String, Long> fields(Amount amount) {
        Map<String, Long> fields = new LinkedHashMap<>();
        fields.put("files", amount.files());
        fields.put("bytes", amount.bytes());
        return fields;
    }
}
