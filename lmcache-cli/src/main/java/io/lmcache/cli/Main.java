package io.lmcache.cli;

import io.lmcache.cli.demo.ModelConfig;
import java.io.InputStream;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program {@code lmcache}. Used by one thread. */
@Command(
        name = "lmcache",
        description = "A tiered KV cache for large language models.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
public final class Main implements Callable<Integer> {
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
        System.exit(run(commandLine(ModelConfig.standard(), System.in), arguments));
    }

    /** Runs the command on standard output; that it could not be written is a failure, too. */
    static int run(CommandLine commandLine, String... arguments) {
        StandardOutput output = new StandardOutput();
        PrintWriter writer = output.writer();
        int status = commandLine.setOut(writer).execute(arguments);
        writer.flush();
        return output.failure()
                .map(failure -> Failures.output(failure, commandLine.getErr()))
                .filter(_ -> status == 0)
                .orElse(status);
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
                .addSubcommand(new StatsCommand())
                .addSubcommand(new HealthCommand())
                .addSubcommand(new ServerClearCommand(Confirmation.of(standardInput)))
                .addSubcommand(new StopCommand())
                .addSubcommand(new RehearseCommand())
                .addSubcommand(new ConfigCommand())
                .addSubcommand(new DoctorCommand())
                .addSubcommand(CacheCommand.commandLine(Confirmation.of(standardInput)))
                .addSubcommand(new CompletionCommand())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler((e, arguments) -> Failures.badArguments(e))
                .setExecutionExceptionHandler((e, command, parsed) -> Failures.report(e, command, main.verbose));
    }

    /** No command was named. */
    @Override
    public Integer call() {
        return Failures.noCommand(spec.commandLine());
    }
}
