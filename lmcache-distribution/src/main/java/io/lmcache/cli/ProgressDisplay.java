package io.lmcache.cli;

import io.lmcache.demo.Progress;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on standard error. */
final class ProgressDisplay implements Progress, AutoCloseable {
    private static final int WIDTH = 100;

    private final ProgressBar bar;

    ProgressDisplay(int units) {
        this.bar = new ProgressBarBuilder()
                .setTaskName("demo")
                .setInitialMax(units)
                .setStyle(ProgressBarStyle.ASCII)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                .build();
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
