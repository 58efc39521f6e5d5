// npm's smtp-server, taking everything and keeping nothing: `node smtp-server.js PORT`.
const { SMTPServer } = require("smtp-server");

const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, done) {
        stream.on("end", () => done());
        stream.resume();
    },
});
server.on("error", () => {});
server.listen(Number(process.argv[2]), "127.0.0.1");
