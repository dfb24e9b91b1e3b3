package io.lmcache.cli.demo;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.cli.process.ChildJvm;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Runs one prompt in a JVM of its own, whose host tier is empty. */
public final class FreshProcess {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What is wrong with the configuration, the old process has said. */
    private static final String NO_SECOND_WARNING = "-Dorg.slf4j.simpleLogger.log.io.lmcache.core.config=error";

    private FreshProcess() {}

    /**
     * What the new process shall do.
     *
     * @param directory of the file tier; null for the configured stack
     */
    record Request(ModelConfig model, String run, @Nullable String directory, List<Integer> prompt) {}

    /**
     * The new process's side: answers one request.
     *
     * @param config the configuration, where the request has no directory
     */
    public static void serve(InputStream in, PrintStream out, Supplier<LmcacheConfig> config) throws IOException {
        Request request = JSON.readValue(in, Request.class);
        try (LmcacheStack stack = open(request.directory(), config);
                Workers workers = Workers.ofThisMachine()) {
            Transformer model = new Transformer(request.model(), workers);
            InferenceEngine inference = Demo.inference(model, stack, request.run());
            Demo.warmUp(inference, () -> {});
            int[] prompt = request.prompt().stream().mapToInt(Integer::intValue).toArray();
            out.println(JSON.writeValueAsString(inference.run(prompt, () -> {})));
        }
    }

    private static LmcacheStack open(@Nullable String directory, Supplier<LmcacheConfig> config) {
        return directory == null ? Lmcache.open(config.get()) : CacheStack.openAt(Path.of(directory));
    }

    /**
     * The old process's side: starts the new one and waits for its answer.
     *
     * @param mainArguments the main class and the arguments that make it call {@link #serve}
     */
    static FirstToken run(List<String> mainArguments, Request request) {
        return new ChildJvm("The new process of the demo", List.of(NO_SECOND_WARNING), mainArguments)
                .ask(request, FirstToken.class);
    }
}
