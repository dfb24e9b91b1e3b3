package io.lmcache.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lmcache cache}: what can be done with a directory of chunks. */
@Command(
        name = "cache",
        description = "Works on a directory of chunk files.",
        subcommands = {DiskUseCommand.class, VerifyCommand.class, ConvertCommand.class},
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class CacheCommand implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    /** No command was named. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "No command is named");
    }
}
