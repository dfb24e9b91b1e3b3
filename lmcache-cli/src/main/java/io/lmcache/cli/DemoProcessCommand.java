package io.lmcache.cli;

import io.lmcache.cli.demo.FreshProcess;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What {@code lmcache demo} starts as its new process: JSON in, JSON out. */
@Command(name = DemoProcessCommand.NAME, hidden = true)
final class DemoProcessCommand implements Callable<Integer> {
    static final String NAME = "demo-process";

    @Mixin
    private final ConfigChoice choice = new ConfigChoice();

    private final InputStream standardInput;

    DemoProcessCommand(InputStream standardInput) {
        this.standardInput = standardInput;
    }

    @Override
    public Integer call() throws IOException {
        FreshProcess.serve(standardInput, System.out, choice::load);
        return 0;
    }
}
