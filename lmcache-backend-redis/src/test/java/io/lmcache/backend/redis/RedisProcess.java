package io.lmcache.backend.redis;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A redis-server of a test's own, on a free port of the loopback, which ends with the test. */
public final class RedisProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final int port;
    private final Path folder;
    private final List<String> arguments;
    private Process process;

    private RedisProcess(int port, Path folder, List<String> arguments) throws IOException {
        this.port = port;
        this.folder = folder;
        this.arguments = arguments;
        this.process = launch();
    }

    /** Skips the test where there is no redis-server. */
    public static void assumeInstalled() {
        assumeTrue(isInstalled("redis-server"), "there is no redis-server; install the package redis-server");
    }

    public static boolean isInstalled(String program) {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    /** A server with these arguments after the usual ones, which answers. */
    public static RedisProcess start(Path folder, String... arguments) {
        return start(freePort(), folder, arguments);
    }

    public static RedisProcess start(int port, Path folder, String... arguments) {
        assumeInstalled();
        try {
            RedisProcess server = new RedisProcess(port, folder, List.of(arguments));
            server.awaitAnswer();
            return server;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process launch() throws IOException {
        List<String> command = new ArrayList<>(List.of("redis-server"));
        // A configuration file comes first.
        arguments.stream().filter(argument -> argument.endsWith(".conf")).forEach(command::add);
        command.addAll(List.of(
                "--port", Integer.toString(port), "--bind", "127.0.0.1", "--dir", folder.toString(), "--save", ""));
        arguments.stream().filter(argument -> !argument.endsWith(".conf")).forEach(command::add);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("redis-" + port + ".log").toFile())
                .start();
    }

    private void awaitAnswer() throws IOException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!isListening()) {
            if (!process.isAlive() || System.nanoTime() - end > 0) {
                process.destroyForcibly();
                throw new IOException(
                        "redis-server does not start: " + Files.readString(folder.resolve("redis-" + port + ".log")));
            }
            pause();
        }
    }

    /** A server with TLS listens on another port, and refuses what is not TLS: that it accepts is enough. */
    private boolean isListening() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), listeningPort()), 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private int listeningPort() {
        int tls = arguments.indexOf("--tls-port");
        return tls < 0 ? port : Integer.parseInt(arguments.get(tls + 1));
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    public int port() {
        return port;
    }

    public String url() {
        return "redis://127.0.0.1:" + port;
    }

    /** Sends a command past the backend; the reply as the server writes it. */
    public String command(String... words) {
        return new String(
                command(Arrays.stream(words)
                        .map(word -> word.getBytes(StandardCharsets.ISO_8859_1))
                        .toArray(byte[][]::new)),
                StandardCharsets.ISO_8859_1);
    }

    /** Sends a command past the backend; the whole reply, as far as it comes within a moment of its beginning. */
    public byte[] command(byte[]... words) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout((int) PATIENCE.toMillis());
            var out = socket.getOutputStream();
            out.write(("*" + words.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
            for (byte[] word : words) {
                out.write(("$" + word.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
                out.write(word);
                out.write('\r');
                out.write('\n');
            }
            out.write("*1\r\n$4\r\nQUIT\r\n".getBytes(StandardCharsets.US_ASCII));
            byte[] reply = replyOf(socket.getInputStream());
            return Arrays.copyOf(reply, Math.max(0, reply.length - "+OK\r\n".length()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All up to the end of the connection; of a sentinel, which does not know {@code QUIT}, up to its complaint. */
    private static byte[] replyOf(InputStream in) throws IOException {
        ByteArrayOutputStream reply = new ByteArrayOutputStream();
        byte[] buffer = new byte[8192];
        for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
            reply.write(buffer, 0, count);
            if (reply.toString(StandardCharsets.ISO_8859_1).contains("-ERR unknown command 'QUIT'")) {
                break;
            }
        }
        return reply.toByteArray();
    }

    /** Stops the server where it is; it keeps its connections and answers nothing. */
    public void stall() {
        signal("STOP");
    }

    public void goOn() {
        signal("CONT");
    }

    private void signal(String name) {
        try {
            int rc = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                    .start()
                    .waitFor();
            if (rc != 0) {
                throw new IllegalStateException("kill -" + name + " ended with " + rc);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Ends it as a power cut would. */
    public void kill() {
        process.destroyForcibly();
        awaitEnd();
    }

    /** Starts it again on the same port, empty. */
    public void restart() {
        try {
            process = launch();
            awaitAnswer();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitEnd() {
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException("redis-server does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        // A stopped process ends by this signal, too.
        kill();
    }
}
