package io.lmcache.server;

import io.lmcache.server.Shape.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** A process that stores one new prompt after another until it is killed. The arguments are the socket and a number. */
final class StoringClient {
    private static final String MEMORY = "lmcache-test-killed-";
    private static final Sizes SIZES = new Sizes(4, 64, 16, 2, 64);

    private StoringClient() {}

    static Process start(Path socket, int number) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Xmx128m",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        StoringClient.class.getName(),
                        socket.toString(),
                        Integer.toString(number))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    public static void main(String[] arguments) throws IOException {
        int number = Integer.parseInt(arguments[1]);
        int[] blocks = IntStream.range(0, 64).toArray();
        try (TestClient client = TestClient.connect(Path.of(arguments[0]));
                TestEngine engine = new TestEngine(
                                client,
                                Shape.BLOCKS_FIRST_HND,
                                SIZES,
                                "killed",
                                MEMORY + ProcessHandle.current().pid())
                        .register(0, 1)) {
            for (int prompt = 0; ; prompt++) {
                int first = (number * 1000 + prompt) * 2000;
                engine.store(IntStream.range(first, first + 1024).toArray(), blocks);
            }
        }
    }

    /** Ends it with SIGKILL, and removes the shared memory that it cannot remove any more. */
    static void kill(Process client) throws IOException, InterruptedException {
        client.destroyForcibly().waitFor();
        Files.deleteIfExists(Path.of("/dev/shm", MEMORY + client.pid()));
    }
}
