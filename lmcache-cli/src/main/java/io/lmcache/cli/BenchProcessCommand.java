package io.lmcache.cli;

import io.lmcache.cli.bench.HeapWorker;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** What {@code lmcache bench} starts to measure a heap: JSON in, JSON out. */
@Command(name = BenchProcessCommand.NAME, hidden = true)
final class BenchProcessCommand implements Callable<Integer> {
    static final String NAME = "bench-process";

    private final InputStream standardInput;

    BenchProcessCommand(InputStream standardInput) {
        this.standardInput = standardInput;
    }

    @Override
    public Integer call() throws IOException {
        HeapWorker.serve(standardInput, System.out);
        return 0;
    }
}
