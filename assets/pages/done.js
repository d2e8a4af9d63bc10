// Asks what has become of the payment until it has arrived, and shows it.
"use strict";

const session = new URLSearchParams(location.search).get("session_id");
const state = document.getElementById("state");
const show = (head, detail) => {
  document.getElementById("head").textContent = head;
  document.getElementById("detail").textContent = detail;
};

function ready(status) {
  state.classList.remove("late");
  state.classList.add("ready");
  if (status.price === "pro_monthly") {
    document.title = "Pro is yours · Interview Copilot";
    show("Pro is active", "Unlimited minutes, saved interviews, stronger models.");
  } else if (status.minutes_left === undefined) {
    show("The minutes are in your account", "The app shows how many.");
  } else {
    const n = status.minutes_left;
    document.title = "Minutes added · Interview Copilot";
    show(n === 1 ? "1 minute" : n + " minutes", "Your balance now.");
  }
}

// The first minute each second, then slower; after ten minutes no more.
async function watch() {
  for (let asked = 0; asked < 160; asked++) {
    try {
      const reply = await fetch("/checkout/status?session_id=" + encodeURIComponent(session), { cache: "no-store" });
      if (reply.status === 404) {
        state.hidden = true;
        return;
      }
      const status = reply.ok ? await reply.json() : {};
      if (status.paid) return ready(status);
    } catch {
      // Away for a moment.
    }
    if (asked === 30) show("Still on its way", "Some ways of paying take longer. The app will know.");
    await new Promise((done) => setTimeout(done, asked < 60 ? 1000 : 5400));
  }
  state.classList.add("late");
  show("Not here yet", "Some ways of paying take days. The minutes come as soon as the money does.");
}

if (session) {
  state.hidden = false;
  watch();
}
