package io.lmcache.chunkfiles.diagnosis;

import java.util.Locale;

/** Amounts of data as people read them. Stateless and thread-safe. */
public final class Amounts {
    private static final double MIB = 1 << 20;
    private static final double GIB = 1 << 30;

    private Amounts() {}

    /** A number of bytes, such as {@code 512 MiB} or {@code 79.6 GiB}. */
    public static String bytes(long bytes) {
        return bytes < GIB
                ? String.format(Locale.ROOT, "%.0f MiB", bytes / MIB)
                : String.format(Locale.ROOT, "%.1f GiB", bytes / GIB);
    }

    /** A rate, in powers of 1000 as drives and networks have it. */
    static String rate(long bytes, long nanos) {
        return String.format(Locale.ROOT, "%.2f GB/s", (double) bytes / nanos);
    }
}
