package io.lmcache.core.engine;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A retrieve of a prompt, in a flight recording. */
@Name("lmcache.Retrieve")
@Label("Retrieve")
@Category("LMCache")
@Description("The KV of a prompt was delivered to an engine")
@StackTrace(false)
final class RetrieveEvent extends Event {
    @Label("Model")
    String model = "";

    @Label("Tokens")
    @Description("The tokens of the prompt")
    int tokens;

    @Label("Hit Tokens")
    @Description("Those of them that the engine then had")
    int hitTokens;
}
