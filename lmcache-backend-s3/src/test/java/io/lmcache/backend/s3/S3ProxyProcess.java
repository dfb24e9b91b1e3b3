package io.lmcache.backend.s3;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * An S3Proxy of a test's own, on a free port of the loopback, which ends with the test. It keeps the objects of a bucket as files of
 * a folder, so that a test can damage them.
 */
public final class S3ProxyProcess implements AutoCloseable {
    /** The bucket that is there. */
    public static final String BUCKET = "bucket";

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Path CLASS_PATH =
            Path.of(System.getProperty("basedir", ".")).resolve("../target/s3proxy.classpath");

    private final int port;
    private final Path folder;
    private Process process;

    private S3ProxyProcess(int port, Path folder) throws IOException {
        this.port = port;
        this.folder = folder;
        Files.createDirectories(folder.resolve("data").resolve(BUCKET));
        Files.writeString(credentialsFile(), """
                [default]
                aws_access_key_id = local-identity
                aws_secret_access_key = local-credential
                [stranger]
                aws_access_key_id = local-identity
                aws_secret_access_key = wrong-credential
                """);
        Files.writeString(folder.resolve("s3proxy.conf"), """
                s3proxy.endpoint=http://127.0.0.1:%s
                s3proxy.authorization=aws-v2-or-v4
                s3proxy.identity=local-identity
                s3proxy.credential=local-credential
                s3proxy.ignore-unknown-headers=true
                jclouds.provider=filesystem-nio2
                jclouds.filesystem.basedir=%s
                """.formatted(port, folder.resolve("data")));
        Files.writeString(folder.resolve("logback.xml"), """
                <configuration>
                  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
                    <encoder><pattern>%d %msg%n</pattern></encoder>
                  </appender>
                  <root level="warn"><appender-ref ref="out"/></root>
                </configuration>
                """);
        this.process = launch();
    }

    /** A server that answers; skips the test where there is none. */
    public static S3ProxyProcess start(Path folder) {
        return start(freePort(), folder);
    }

    static S3ProxyProcess start(int port, Path folder) {
        assumeTrue(
                Files.exists(CLASS_PATH),
                "there is no S3Proxy; fetch it: ./mvnw -q -f .ci/s3proxy dependency:build-classpath -Dmdep.outputFile="
                        + "$PWD/target/s3proxy.classpath");
        try {
            S3ProxyProcess server = new S3ProxyProcess(port, folder);
            server.awaitAnswer();
            return server;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process launch() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-XX:TieredStopAtLevel=1",
                        "-Dlogback.configurationFile=" + folder.resolve("logback.xml"),
                        "-classpath",
                        Files.readString(CLASS_PATH).strip(),
                        "org.gaul.s3proxy.Main",
                        "--properties",
                        folder.resolve("s3proxy.conf").toString())
                .redirectErrorStream(true)
                .redirectOutput(log().toFile())
                .start();
    }

    private Path log() {
        return folder.resolve("s3proxy.log");
    }

    private void awaitAnswer() throws IOException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!isListening()) {
            if (!process.isAlive() || System.nanoTime() - end > 0) {
                process.destroyForcibly();
                throw new IOException("S3Proxy does not start: " + Files.readString(log()));
            }
            pause();
        }
    }

    private boolean isListening() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** The port that it listens at. */
    public int port() {
        return port;
    }

    /** The URL that it is asked at. */
    public String endpoint() {
        return "http://127.0.0.1:" + port;
    }

    /** Keys that it knows, in a file as AWS's tools have it. */
    public Path credentialsFile() {
        return folder.resolve("credentials");
    }

    /** The file in which the server keeps an object. */
    Path object(String name) {
        return folder.resolve("data").resolve(BUCKET).resolve(name);
    }

    /** Stops the server where it is; it keeps its connections and answers nothing. */
    public void stall() {
        signal("STOP");
    }

    /** Ends what {@link #stall} began. */
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
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new IllegalStateException("S3Proxy does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Starts it again on the same port, with the same objects. */
    public void restart() {
        try {
            process = launch();
            awaitAnswer();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        // A stopped process ends by this signal, too.
        kill();
    }
}
