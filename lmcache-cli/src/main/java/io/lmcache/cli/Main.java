package io.lmcache.cli;

import io.lmcache.cli.demo.ModelConfig;
import java.io.InputStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program {@code lmcache}. Used by one thread. */
@Command(
        name = "lmcache",
        description = "A tiered KV cache for large language models.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class Main implements Runnable {
    @Option(
            names = {"-v", "--verbose"},
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of an error.")
    private boolean verbose;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    private Main() {}

    /** Runs the command and exits: 0 for success, 1 for a failure, 2 for bad input. */
    public static void main(String[] arguments) {
        System.exit(commandLine(ModelConfig.standard(), System.in).execute(arguments));
    }

    static CommandLine commandLine(ModelConfig demoModel, InputStream standardInput) {
        Main main = new Main();
        return new CommandLine(main)
                .addSubcommand(new DemoCommand(demoModel, standardInput))
                .addSubcommand(new DemoProcessCommand(standardInput))
                .addSubcommand(new BenchCommand())
                .addSubcommand(new BenchProcessCommand(standardInput))
                .addSubcommand(new ReplayCommand())
                .addSubcommand(new ServeCommand())
                .addSubcommand(new ConfigCommand())
                .addSubcommand(new DoctorCommand())
                .addSubcommand(CacheCommand.commandLine(Confirmation.of(standardInput)))
                .setParameterExceptionHandler((e, arguments) -> Failures.badArguments(e))
                .setExecutionExceptionHandler((e, command, parsed) -> Failures.report(e, command, main.verbose));
    }

    /** No command was named. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "No command is named");
    }
}
