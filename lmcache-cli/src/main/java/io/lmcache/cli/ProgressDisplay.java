package io.lmcache.cli;

import io.lmcache.cli.demo.Progress;
import java.io.Console;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on standard error. */
final class ProgressDisplay implements Progress, AutoCloseable {
    private static final int WIDTH = 100;

    private final ProgressBar bar;

    ProgressDisplay(String task, long units) {
        this.bar = new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(units)
                .setStyle(ProgressBarStyle.ASCII)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                .build();
    }

    /** Whether somebody sees a progress bar: the launcher knows of standard error, the console of the rest. */
    static boolean isWatched() {
        return Boolean.getBoolean("lmcache.terminal")
                && Optional.ofNullable(System.console())
                        .filter(Console::isTerminal)
                        .isPresent();
    }

    @Override
    public void advance(String step, int units) {
        bar.setExtraMessage(step).stepBy(units);
    }

    @Override
    public void close() {
        bar.close();
    }
}
