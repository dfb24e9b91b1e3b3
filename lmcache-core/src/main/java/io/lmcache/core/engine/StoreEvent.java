package io.lmcache.core.engine;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A store of a prompt, in a flight recording. */
@Name("lmcache.Store")
@Label("Store")
@Category("LMCache")
@Description("The KV of a prompt was read from an engine")
@StackTrace(false)
final class StoreEvent extends Event {
    @Label("Model")
    String model = "";

    @Label("Tokens")
    @Description("The tokens of the prompt")
    int tokens;

    @Label("Stored Tokens")
    @Description("Those of them that were handed to the tiers")
    int storedTokens;

    @Label("Declined Tokens")
    @Description("Those of them that there was no memory for")
    int declinedTokens;
}
