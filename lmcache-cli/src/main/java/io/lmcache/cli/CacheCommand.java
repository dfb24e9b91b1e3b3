package io.lmcache.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code lmcache cache}: what can be done with a directory of chunks. */
@Command(
        name = "cache",
        description = "Works on a directory of chunk files.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class CacheCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    /** The command with those below it, which ask there before they remove something. */
    static CommandLine commandLine(Confirmation confirmation) {
        return new CommandLine(new CacheCommand())
                .addSubcommand(new ListCommand())
                .addSubcommand(new DiskUseCommand())
                .addSubcommand(new StatisticsCommand())
                .addSubcommand(new VerifyCommand())
                .addSubcommand(new CollectCommand(confirmation))
                .addSubcommand(new RepairCommand(confirmation))
                .addSubcommand(new ClearCommand(confirmation))
                .addSubcommand(new ExportCommand())
                .addSubcommand(new ConvertCommand());
    }

    /** No command was named. */
    @Override
    public Integer call() {
        return Failures.noCommand(spec.commandLine());
    }
}
