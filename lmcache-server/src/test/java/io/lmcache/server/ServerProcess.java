package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A server in a process of its own. For one thread. */
final class ServerProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Process process;
    private final Path socket;
    private final Path out;
    private final Path err;

    private ServerProcess(Process process, Path socket, Path out, Path err) {
        this.process = process;
        this.socket = socket;
        this.out = out;
        this.err = err;
    }

    /** Starts one that takes calls when this returns; its socket is in a folder below the directory. */
    static ServerProcess start(Path directory, Map<String, String> settings) throws IOException {
        ServerProcess server = launch(directory, settings);
        server.awaitReady();
        return server;
    }

    /** Starts one, which may fail. */
    static ServerProcess launch(Path directory, Map<String, String> settings) throws IOException {
        Path out = Files.createTempFile(directory, "server", ".out");
        Path err = Files.createTempFile(directory, "server", ".err");
        Path socket = directory.resolve("run").resolve("server.sock");
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(
                "-ea",
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED",
                "--illegal-native-access=deny",
                "--sun-misc-unsafe-memory-access=deny",
                "-classpath",
                System.getProperty("java.class.path"),
                ServerMain.class.getName(),
                socket.toString(),
                "5"));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("LMCACHE_"));
        builder.environment().put("CUDA_VISIBLE_DEVICES", "-1");
        // Starts sooner. Tests of speed set it to nothing.
        builder.environment().put("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
        builder.environment().put("LMCACHE_CHUNK_SIZE", "64");
        builder.environment().put("LMCACHE_MAX_LOCAL_CPU_SIZE", "64 MiB");
        builder.environment().putAll(settings);
        return new ServerProcess(builder.start(), socket, out, err);
    }

    private void awaitReady() throws IOException {
        await("the server is ready", () -> !process.isAlive() || read(out).contains("ready"));
        assertThat(process.isAlive())
                .as("the server runs; it said: %s", read(err))
                .isTrue();
    }

    Path socket() {
        return socket;
    }

    long pid() {
        return process.pid();
    }

    String out() {
        return read(out);
    }

    String err() {
        return read(err);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** The names of shared memory that the process has mapped. */
    List<String> mappedSharedMemory() {
        return read(Path.of("/proc", Long.toString(pid()), "maps"))
                .lines()
                .filter(line -> line.contains("/dev/shm/lmcache-test"))
                .toList();
    }

    /** SIGSTOP. */
    void hold() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** SIGCONT. */
    void goOn() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid()))
                .inheritIO()
                .start();
        assertThat(kill.waitFor()).as("exit status of kill -%s", name).isZero();
    }

    /** SIGTERM. */
    void terminate() {
        process.destroy();
    }

    /** The exit status, of a process that ends within the time. */
    int awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                .as("the server ends; it said: %s", read(err))
                .isTrue();
        return process.exitValue();
    }

    /** SIGKILL. */
    void kill() {
        process.destroyForcibly()
                .onExit()
                .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .join();
    }

    static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end)
                    .as("%s within %s", what, PATIENCE)
                    .isNegative();
            LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
        }
    }

    @Override
    public void close() {
        kill();
    }
}
