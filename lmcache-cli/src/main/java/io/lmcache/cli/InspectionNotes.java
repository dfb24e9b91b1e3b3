package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.InspectionListener;
import io.lmcache.chunkfiles.inspect.Removals;
import java.io.PrintWriter;
import java.util.Optional;

/**
 * What an inspection says on standard error: a progress bar where somebody watches, every damaged file, and some of those
 * passed over. For one thread.
 */
final class InspectionNotes implements InspectionListener, AutoCloseable {
    private static final int NAMED = 10;
    private static final long UNKNOWN = -1;

    private final PrintWriter err;
    private final Optional<ProgressDisplay> display;
    private Optional<PrintWriter> list = Optional.empty();
    private long passedOver;

    InspectionNotes(String task, PrintWriter err) {
        this.err = err;
        this.display = ProgressDisplay.isWatched() ? Optional.of(new ProgressDisplay(task, UNKNOWN)) : Optional.empty();
    }

    /** Names what is removed there; returns this. */
    InspectionNotes listing(PrintWriter out) {
        list = Optional.of(out);
        return this;
    }

    @Override
    public void seen() {
        display.ifPresent(shown -> shown.advance("", 1));
    }

    @Override
    public void passedOver(String path, String reason) {
        passedOver++;
        if (passedOver <= NAMED) {
            err.println("lmcache: passed over: '" + path + "' " + reason);
        }
    }

    @Override
    public void damaged(String path, String reason) {
        err.println("lmcache: damaged: '" + path + "' " + reason);
    }

    @Override
    public void removed(String path, Removals.Reason reason) {
        list.ifPresent(out -> out.println(path + "  " + reason.text()));
    }

    /** Ends the bar, and says how many files were not named. */
    @Override
    public void close() {
        display.ifPresent(ProgressDisplay::close);
        if (passedOver > NAMED) {
            err.println("lmcache: passed over " + (passedOver - NAMED) + " more");
        }
    }
}
