package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a program in a process of its own, without settings of the cache but those given. Stateless and thread-safe. */
final class Processes {
    private static final int SECONDS = 60;

    /** What a process that has ended left behind. */
    record Finished(int status, String out, String err) {}

    private Processes() {}

    /** A JVM with the class path of the tests. */
    static Finished java(Class<?> main, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(javaHome().resolve("bin/java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-classpath");
        command.add(System.getProperty("java.class.path"));
        command.add(main.getName());
        command.addAll(List.of(arguments));
        return run(command, Map.of());
    }

    static Finished run(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile("lmcache-e2e", ".out");
        Path err = Files.createTempFile("lmcache-e2e", ".err");
        try {
            int status = status(command, environment, out.toFile(), err.toFile());
            return new Finished(status, Files.readString(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    private static int status(List<String> command, Map<String, String> environment, File out, File err)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(out).redirectError(err);
        builder.environment().keySet().removeIf(name -> name.startsWith("LMCACHE_"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                    .as("%s ends within %d s", command, SECONDS)
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        return process.exitValue();
    }

    static Path javaHome() {
        return Path.of(System.getProperty("java.home"));
    }
}
