// Sends the answer on without a click; whoever has no scripts presses the button.
document.getElementById("answer").submit();
