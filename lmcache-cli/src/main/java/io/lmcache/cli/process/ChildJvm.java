package io.lmcache.cli.process;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A JVM with the class path and the flags of this one that answers one request. The request goes to its standard input,
 * the answer is a line of its standard output, each as JSON of a few kilobytes.
 *
 * <p>Immutable and thread-safe.
 */
public final class ChildJvm {
    private static final int MINUTES = 10;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String name;
    private final List<String> flags;
    private final List<String> mainArguments;

    /**
     * A JVM that is started when it is asked.
     *
     * @param name what it is, as the subject of a sentence about its failure
     * @param flags for the JVM, over those of this one
     * @param mainArguments the main class and its arguments
     */
    public ChildJvm(String name, List<String> flags, List<String> mainArguments) {
        this.name = name;
        this.flags = List.copyOf(flags);
        this.mainArguments = List.copyOf(mainArguments);
    }

    /**
     * Starts it and waits for its answer, which it gives by ending. It never outlives this call.
     *
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when it does not answer
     */
    public <T> T ask(Object request, Class<T> answer) {
        try {
            Process process = new ProcessBuilder(command())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try {
                return converse(process, request, answer);
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            throw failure("gave no answer: " + e.getMessage() + "; its own messages are above", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failure("was abandoned by an interrupt", e);
        }
    }

    private <T> T converse(Process process, Object request, Class<T> answer) throws IOException, InterruptedException {
        try (OutputStream in = process.getOutputStream()) {
            JSON.writeValue(in, request);
        }
        // Read while it runs: a JVM that logs to its standard output would fill the pipe and wait for ever.
        CompletableFuture<byte[]> output =
                CompletableFuture.supplyAsync(() -> readAll(process.getInputStream()), Thread::startVirtualThread);
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            throw failure("did not end within " + MINUTES + " minutes and was stopped", null);
        }
        if (process.exitValue() != 0) {
            throw failure("ended with status " + process.exitValue() + "; its own messages are above", null);
        }
        return JSON.readValue(answerIn(output.join()), answer);
    }

    /** The one line that is JSON: a JVM told to log, by flags that it inherits, does so on standard output. */
    private String answerIn(byte[] output) {
        return new String(output, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.startsWith("{"))
                .findFirst()
                .orElseThrow(() -> failure("printed no result", null));
    }

    private static byte[] readAll(InputStream output) {
        try (output) {
            return output.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<String> command() {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Agents stay behind: a debugger's port or a profiler's file cannot be had twice.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-agent") && !flag.startsWith("-javaagent"))
                .forEach(command::add);
        command.addAll(flags);
        command.add("-classpath");
        command.add(System.getProperty("java.class.path"));
        command.addAll(mainArguments);
        return command;
    }

    private LmcacheException failure(String what, @Nullable Throwable cause) {
        return new LmcacheException(ErrorCode.START_FAILED, name + " " + what, cause);
    }
}
