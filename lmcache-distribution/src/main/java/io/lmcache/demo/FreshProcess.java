package io.lmcache.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.core.engine.LmcacheEngine;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs one prompt in a JVM of its own, whose host tier is empty. The request goes to its standard input, the result
 * comes from its standard output, each as JSON.
 */
public final class FreshProcess {
    private static final int MINUTES = 10;
    private static final ObjectMapper JSON = new ObjectMapper();

    private FreshProcess() {}

    /**
     * What the new process shall do.
     *
     * @param directory of the file tier; null for the configured stack
     */
    record Request(ModelConfig model, String run, @Nullable String directory, List<Integer> prompt) {}

    /** The new process's side: answers one request. */
    public static void serve(InputStream in, PrintStream out) throws IOException {
        Request request = JSON.readValue(in, Request.class);
        try (LmcacheEngine engine = open(request.directory());
                Workers workers = Workers.ofThisMachine()) {
            Transformer model = new Transformer(request.model(), workers);
            InferenceEngine inference = Demo.inference(model, engine, request.run());
            Demo.warmUp(inference, () -> {});
            int[] prompt = request.prompt().stream().mapToInt(Integer::intValue).toArray();
            out.println(JSON.writeValueAsString(inference.run(prompt, () -> {})));
        }
    }

    private static LmcacheEngine open(@Nullable String directory) {
        return directory == null ? CacheStack.openConfigured() : CacheStack.openAt(Path.of(directory));
    }

    /**
     * The old process's side: starts the new one and waits for its answer.
     *
     * @param mainArguments the main class and the arguments that make it call {@link #serve}
     */
    static FirstToken run(List<String> mainArguments, Request request) {
        try {
            Process process = new ProcessBuilder(command(mainArguments))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try {
                return converse(process, request);
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

    /** Request and answer are a few kilobytes: they fit the pipes, and nobody has to read while the other writes. */
    private static FirstToken converse(Process process, Request request) throws IOException, InterruptedException {
        try (OutputStream in = process.getOutputStream()) {
            JSON.writeValue(in, request);
        }
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            throw failure("did not end within " + MINUTES + " minutes and was stopped", null);
        }
        if (process.exitValue() != 0) {
            throw failure("ended with status " + process.exitValue() + "; its own messages are above", null);
        }
        return answerIn(process.getInputStream());
    }

    /** The one line that is JSON: a JVM told to log, by flags that it inherits, does so on standard output. */
    private static FirstToken answerIn(InputStream output) throws IOException {
        String answer = new String(output.readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.startsWith("{"))
                .findFirst()
                .orElseThrow(() -> failure("printed no result", null));
        return JSON.readValue(answer, FirstToken.class);
    }

    private static List<String> command(List<String> mainArguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Agents stay behind: a debugger's port or a profiler's file cannot be had twice.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-agent") && !flag.startsWith("-javaagent"))
                .forEach(command::add);
        command.add("-classpath");
        command.add(System.getProperty("java.class.path"));
        command.addAll(mainArguments);
        return command;
    }

    private static LmcacheException failure(String what, @Nullable Throwable cause) {
        return new LmcacheException(ErrorCode.START_FAILED, "The new process of the demo " + what, cause);
    }
}
