package io.lmcache.cli;

import io.lmcache.chunkfiles.convert.CacheConversion;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What a conversion says on standard error: a progress bar where somebody watches, and what goes wrong. For one thread. */
final class ConvertProgress implements CacheConversion.Listener, AutoCloseable {
    /** Files named for each reason; the rest are counted. */
    private static final int NAMED = 3;
    /** What is foreign and named; the rest is counted. */
    private static final int PASSED_OVER_NAMED = 10;

    private final PrintWriter err;
    private final Map<String, Integer> files = new HashMap<>();
    private final String task;
    private Optional<ProgressDisplay> display = Optional.empty();
    private long passedOver;

    ConvertProgress(String task, PrintWriter err) {
        this.task = task;
        this.err = err;
    }

    @Override
    public void begin(long files) {
        if (ProgressDisplay.isWatched()) {
            display = Optional.of(new ProgressDisplay(task, files));
        }
    }

    @Override
    public void done() {
        display.ifPresent(shown -> shown.advance("", 1));
    }

    @Override
    public void passedOver(String path, String reason) {
        passedOver++;
        if (passedOver <= PASSED_OVER_NAMED) {
            err.println("lmcache: passed over: '" + path + "' " + reason);
        }
    }

    @Override
    public void notCarried(Path file, String reason) {
        int count = files.merge(reason, 1, Integer::sum);
        if (count <= NAMED) {
            err.println("lmcache: " + file + " " + reason);
        }
    }

    /** Ends the bar, and says how many files were not named. Idempotent. */
    @Override
    public void close() {
        display.ifPresent(ProgressDisplay::close);
        display = Optional.empty();
        files.forEach((reason, count) -> {
            if (count > NAMED) {
                err.println("lmcache: " + (count - NAMED) + " more: each " + reason);
            }
        });
        files.clear();
        if (passedOver > PASSED_OVER_NAMED) {
            err.println("lmcache: passed over " + (passedOver - PASSED_OVER_NAMED) + " more");
        }
        passedOver = 0;
    }
}
