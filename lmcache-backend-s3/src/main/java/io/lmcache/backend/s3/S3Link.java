package io.lmcache.backend.s3;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.crt.CRT;
import software.amazon.awssdk.crt.CrtRuntimeException;
import software.amazon.awssdk.crt.auth.credentials.CredentialsProvider;
import software.amazon.awssdk.crt.auth.credentials.DefaultChainCredentialsProvider;
import software.amazon.awssdk.crt.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.crt.auth.signing.AwsSigningConfig;
import software.amazon.awssdk.crt.http.HttpHeader;
import software.amazon.awssdk.crt.http.HttpMonitoringOptions;
import software.amazon.awssdk.crt.http.HttpRequest;
import software.amazon.awssdk.crt.io.ClientBootstrap;
import software.amazon.awssdk.crt.io.EventLoopGroup;
import software.amazon.awssdk.crt.io.ExponentialBackoffRetryOptions;
import software.amazon.awssdk.crt.io.HostResolver;
import software.amazon.awssdk.crt.io.StandardRetryOptions;
import software.amazon.awssdk.crt.s3.S3Client;
import software.amazon.awssdk.crt.s3.S3ClientOptions;
import software.amazon.awssdk.crt.s3.S3FinishedResponseContext;
import software.amazon.awssdk.crt.s3.S3MetaRequest;
import software.amazon.awssdk.crt.s3.S3MetaRequestOptions;
import software.amazon.awssdk.crt.s3.S3MetaRequestResponseHandler;

/**
 * The way to the store: AWS's native client, with deadlines of this project's.
 *
 * <p>A request is answered, or fails, by its deadline. What the client still does after that is cancelled; the memory that a
 * request uses is given back when the client is done with it, which can be later. Connects when something is asked, so that a
 * server may be absent when a cache starts. Thread-safe.
 */
final class S3Link implements AutoCloseable {
    private static final Duration SHUTDOWN = Duration.ofSeconds(5);
    private static final int RETRIES = 2;
    private static final int BACKOFF_MILLIS = 50;
    /** They take checksums; more would not be faster than the connections. */
    private static final int WORKERS = 2;

    private final S3Endpoint endpoint;
    private final Optional<Path> memory;
    private final ExecutorService workers;
    private final EventLoopGroup eventLoops;
    private final HostResolver resolver;
    private final ClientBootstrap bootstrap;
    private final CredentialsProvider credentials;
    private final AwsSigningConfig signing;
    private final S3Client client;
    private final Set<Call> calls = ConcurrentHashMap.newKeySet();

    /**
     * A link to the store of these settings.
     *
     * @param memory this process's memory as a file; empty to have the bytes of payload come over the heap
     */
    S3Link(S3Settings settings, Optional<Path> memory) {
        this.endpoint = settings.endpoint();
        this.memory = memory;
        this.workers = Executors.newFixedThreadPool(
                WORKERS, Thread.ofPlatform().daemon().name("lmcache-s3-", 0).factory());
        try {
            this.eventLoops =
                    new EventLoopGroup(Math.max(1, Runtime.getRuntime().availableProcessors() / 2));
            this.resolver = new HostResolver(eventLoops);
            this.bootstrap = new ClientBootstrap(eventLoops, resolver);
            this.credentials = credentials(settings, bootstrap);
            this.signing = AwsSigningConfig.getDefaultS3SigningConfig(settings.region(), credentials);
            this.client = new S3Client(options(settings));
        } catch (CrtRuntimeException | LinkageError e) {
            workers.shutdown();
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Backend 's3': AWS's native client does not start: " + e.getMessage()
                            + "; it needs Linux with a temporary directory (java.io.tmpdir) from which libraries can be"
                            + " loaded",
                    e);
        }
    }

    private static CredentialsProvider credentials(S3Settings settings, ClientBootstrap bootstrap) {
        if (settings.profile().isEmpty() && settings.credentialsFile().isEmpty()) {
            return new DefaultChainCredentialsProvider.DefaultChainCredentialsProviderBuilder()
                    .withClientBootstrap(bootstrap)
                    .build();
        }
        ProfileCredentialsProvider.Builder profile =
                ProfileCredentialsProvider.builder().withClientBootstrap(bootstrap);
        settings.profile().ifPresent(profile::withProfileName);
        settings.credentialsFile().ifPresent(file -> profile.withCredentialsFileNameOverride(file.toString()));
        return profile.build();
    }

    /** A connection on which nothing moves for as long as an operation may take is given up. */
    private S3ClientOptions options(S3Settings settings) {
        HttpMonitoringOptions monitoring = new HttpMonitoringOptions();
        monitoring.setMinThroughputBytesPerSecond(1);
        monitoring.setAllowableThroughputFailureIntervalSeconds(
                (int) Math.max(2, settings.timeout().plusMillis(999).toSeconds()));
        return new S3ClientOptions()
                .withRegion(settings.region())
                .withClientBootstrap(bootstrap)
                .withSigningConfig(signing)
                .withPartSize(settings.partBytes())
                .withMultipartUploadThreshold(settings.partBytes())
                .withMaxConnections(settings.connections())
                .withConnectTimeoutMs(
                        (int) Math.min(Integer.MAX_VALUE, settings.timeout().toMillis()))
                .withHttpMonitoringOptions(monitoring)
                .withStandardRetryOptions(new StandardRetryOptions()
                        .withBackoffRetryOptions(new ExponentialBackoffRetryOptions()
                                .withEventLoopGroup(eventLoops)
                                .withMaxRetries(RETRIES)
                                .withBackoffScaleFactorMS(BACKOFF_MILLIS)));
    }

    /** The threads on which requests complete. */
    ExecutorService workers() {
        return workers;
    }

    /**
     * Sends the request. The future has whatever the server answers, errors too; it fails when there is no answer by the
     * deadline.
     *
     * @param deadline when to give up, as {@link System#nanoTime} tells the time
     * @param whenDone run once when the client uses no memory of the request's any more
     */
    CompletableFuture<S3Reply> send(S3Request request, long deadline, Runnable whenDone) {
        Call call = new Call(request, whenDone);
        call.start(deadline);
        return call.reply;
    }

    CompletableFuture<S3Reply> send(S3Request request, long deadline) {
        return send(request, deadline, () -> {});
    }

    /** One request. Its lock guards the client's object. */
    private final class Call implements S3MetaRequestResponseHandler {
        private final S3Request request;
        private final Runnable whenDone;
        private final CompletableFuture<S3Reply> reply = new CompletableFuture<>();
        // The client calls these one after the other.
        private final Map<String, String> headers = new HashMap<>();
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();
        private int status;
        private long received;
        // Guarded by this.
        private @Nullable S3MetaRequest running;
        private boolean isDone;

        Call(S3Request request, Runnable whenDone) {
            this.request = request;
            this.whenDone = whenDone;
        }

        void start(long deadline) {
            calls.add(this);
            try {
                S3MetaRequest begun = client.makeMetaRequest(options());
                synchronized (this) {
                    if (isDone) {
                        begun.close();
                    } else {
                        running = begun;
                    }
                }
            } catch (CrtRuntimeException | IllegalStateException e) {
                done();
                reply.completeExceptionally(new IOException("the client refuses the request: " + e.getMessage(), e));
                return;
            }
            long left = Math.max(1, deadline - System.nanoTime());
            var _ = reply.orTimeout(left, TimeUnit.NANOSECONDS).whenComplete((_, error) -> {
                if (error instanceof TimeoutException) {
                    cancel();
                }
            });
        }

        private S3MetaRequestOptions options() {
            List<HttpHeader> sent = new ArrayList<>();
            sent.add(new HttpHeader("Host", endpoint.host()));
            request.headers().forEach((name, value) -> sent.add(new HttpHeader(name, value)));
            request.body()
                    .ifPresent(stream -> sent.add(new HttpHeader("Content-Length", Long.toString(stream.getLength()))));
            S3MetaRequestOptions options = new S3MetaRequestOptions()
                    .withMetaRequestType(request.type())
                    .withOperationName(request.operation())
                    .withEndpoint(endpoint.url())
                    .withSigningConfig(signing)
                    .withHttpRequest(new HttpRequest(
                            request.method(),
                            endpoint.root() + request.path(),
                            sent.toArray(HttpHeader[]::new),
                            request.body().orElse(null)))
                    .withResponseHandler(this);
            if (request.into().isPresent() && memory.isPresent()) {
                options.withResponseFilePath(memory.get())
                        .withResponseFileOption(S3MetaRequestOptions.ResponseFileOption.WRITE_TO_POSITION)
                        .withResponseFilePosition(request.into().get().address());
            }
            return options;
        }

        @Override
        public void onResponseHeaders(int statusCode, HttpHeader[] received) {
            status = statusCode;
            for (HttpHeader header : received) {
                headers.put(header.getName().toLowerCase(Locale.ROOT), header.getValue());
            }
        }

        /** The client ends the request when another number is returned than zero. */
        @Override
        public int onResponseBody(ByteBuffer bytes, long start, long end) {
            if (request.into().isEmpty()) {
                byte[] some = new byte[bytes.remaining()];
                bytes.get(some);
                body.writeBytes(some);
                return 0;
            }
            MemorySegment into = request.into().get();
            int count = bytes.remaining();
            if (count <= into.byteSize() - received) {
                into.asSlice(received, count).copyFrom(MemorySegment.ofBuffer(bytes));
                received += count;
            }
            return 0;
        }

        @Override
        public void onFinished(S3FinishedResponseContext context) {
            done();
            int code = context.getErrorCode();
            int answered = context.getResponseStatus() == 0 ? status : context.getResponseStatus();
            if (code == CRT.AWS_CRT_SUCCESS) {
                complete(() -> reply.complete(new S3Reply(answered, headers, ByteBuffer.wrap(body.toByteArray()))));
            } else if (answered >= 300 && answered < 500) {
                byte[] error = context.getErrorPayload() == null ? new byte[0] : context.getErrorPayload();
                complete(() -> reply.complete(new S3Reply(answered, headers, ByteBuffer.wrap(error))));
            } else {
                complete(() -> reply.completeExceptionally(failure(code, answered)));
            }
        }

        private IOException failure(int code, int answered) {
            String name = CRT.awsErrorName(code);
            String remedy = name.startsWith("AWS_AUTH_")
                    ? "; give credentials, in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), a profile,"
                            + " or the instance's role"
                    : "";
            return new IOException((answered == 0 ? "" : "status " + answered + ", ") + CRT.awsErrorString(code) + " ("
                    + name + ")" + remedy);
        }

        /** Not on the client's thread, which others wait for. */
        private void complete(Runnable completion) {
            if (reply.isDone()) {
                return;
            }
            try {
                workers.execute(completion);
            } catch (RejectedExecutionException e) {
                completion.run();
            }
        }

        private void done() {
            synchronized (this) {
                isDone = true;
                if (running != null) {
                    running.close();
                    running = null;
                }
            }
            calls.remove(this);
            whenDone.run();
        }

        synchronized void cancel() {
            if (running != null) {
                running.cancel();
            }
        }
    }

    /** Cancels what is under way, and waits for its end for seconds at most. Idempotent. */
    @Override
    public void close() {
        if (workers.isShutdown()) {
            return;
        }
        calls.forEach(Call::cancel);
        CompletableFuture<Void> ended = client.getShutdownCompleteFuture();
        client.close();
        signing.close();
        credentials.close();
        bootstrap.close();
        resolver.close();
        eventLoops.close();
        var _ = ended.handle((_, _) -> true)
                .completeOnTimeout(false, SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS)
                .join();
        workers.shutdown();
    }
}
