package io.lmcache.cli;

/** The program with a tiny model, for tests that need a process of its own. */
final class TinyMain {
    private TinyMain() {}

    public static void main(String[] arguments) {
        System.exit(Main.run(Main.commandLine(Invocation.MODEL, System.in), arguments));
    }
}
