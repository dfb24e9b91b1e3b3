package io.lmcache.backend.gds.diagnosis;

import io.lmcache.api.spi.Finding;
import io.lmcache.chunkfiles.diagnosis.Amounts;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The limit of memory that a process may lock. Immutable and thread-safe.
 *
 * @param machine where it runs
 */
public record PageLockCheck(Machine machine) {
    private static final String TOPIC = "locked memory";
    private static final Pattern LIMIT = Pattern.compile("(?m)^Max locked memory\\s+(\\S+)");
    private static final String UNLIMITED = "unlimited";

    /** The limit as it stands. */
    public Finding finding() {
        Optional<String> limit = machine.text("/proc/self/limits")
                .map(LIMIT::matcher)
                .filter(Matcher::find)
                .map(line -> line.group(1));
        if (limit.isEmpty()) {
            return Finding.ok(TOPIC, "its limit is unknown: /proc/self/limits does not tell");
        }
        return limit.get().equals(UNLIMITED)
                ? Finding.ok(TOPIC, "no limit (ulimit -l)")
                : Finding.note(
                        TOPIC,
                        "limited to " + Amounts.bytes(Long.parseLong(limit.get()))
                                + " (ulimit -l), which some drivers count staging memory to",
                        "where page-locking fails: ulimit -l unlimited, for a container --ulimit memlock=-1");
    }
}
